// Sends a file with npm's tus-js-client; a second run goes on where the first one was stopped.
// node upload-client.mjs ADDRESS TOKEN FILE STATE PIECE [STOP]: bytes of a piece, and after how many it stops
import { createReadStream, statSync } from "node:fs";
import { basename } from "node:path";
import tus from "tus-js-client";

const [endpoint, token, file, state, piece, stop] = process.argv.slice(2);
const end = (outcome) => process.stdout.write(JSON.stringify(outcome) + "\n", () => process.exit(0));
let first = null;
const upload = new tus.Upload(createReadStream(file), {
  endpoint,
  chunkSize: Number(piece),
  uploadSize: statSync(file).size,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: basename(file) },
  retryDelays: [100, 300],
  urlStorage: new tus.FileUrlStorage(state),
  fingerprint: async () => `test-${file}`,
  onError: (error) => end({ error: String(error) }),
  onSuccess: () => end({ url: upload.url, first }),
  onChunkComplete: async (size, accepted) => {
    first ??= accepted;
    if (stop && accepted >= Number(stop)) {
      await upload.abort();
      end({ stopped: accepted, url: upload.url, first });
    }
  },
});
const earlier = await upload.findPreviousUploads();
if (earlier.length) upload.resumeFromPreviousUpload(earlier[0]);
upload.start();
