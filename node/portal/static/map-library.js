// The library of maps and the base map, loaded when the first map needs them; both come from this node.
let loading = null;

async function load(facts) {
  const [library, archives] = await Promise.all([import(facts.library), import(facts.archives)]);
  library.setWorkerUrl(new URL(facts.worker, location.href).href);
  const protocol = new archives.Protocol();
  library.addProtocol("pmtiles", protocol.tile);
  const archive = new archives.PMTiles(facts.base);
  protocol.add(archive);
  const [header, metadata] = await Promise.all([archive.getHeader(), archive.getMetadata()]);
  const layers = (metadata.vector_layers || []).map((layer) => layer.id);
  return { library, archive: { isPicture: header.tileType !== 1, layers } };
}

// The library; ``facts.archive`` then says what the base map is made of.
export async function openLibrary(facts) {
  loading ||= load(facts);
  const { library, archive } = await loading;
  facts.archive = archive;
  return library;
}

// What all our maps have in common.
export function optionsOf(facts) {
  return {
    attributionControl: false,
    fadeDuration: 0,
    maxZoom: 20,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    localIdeographFontFamily: "sans-serif",
    locale: {
      "Map.Title": facts.texts.label,
      "CooperativeGesturesHandler.WindowsHelpText": facts.texts.gesture,
      "CooperativeGesturesHandler.MacHelpText": facts.texts.gesture,
      "CooperativeGesturesHandler.MobileHelpText": facts.texts.touch,
    },
  };
}
