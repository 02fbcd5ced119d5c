// What views of 3D Tiles need beyond that; loaded for such files only.
export { TilesRenderer } from "3d-tiles-renderer/three";
export { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
