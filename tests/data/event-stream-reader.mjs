// Reads an event stream with npm's ldes-client, once, and prints its members: one JSON object in each line.
// node event-stream-reader.mjs ADDRESS AUTHORIZATION STATE [ascending]
import { replicateLDES } from "ldes-client";

const [address, authorization, statePath, order] = process.argv.slice(2);
const withToken = (url, options = {}) => {
  const headers = new Headers(options.headers);
  headers.set("Authorization", authorization);
  return fetch(url, { ...options, headers });
};
const client = replicateLDES({ url: address, statePath, fetch: withToken }, order ?? "none");
const pages = [];
client.on("fragment", (page) => pages.push(page.url));
const reader = client.stream().getReader();
for (;;) {
  const { value, done } = await reader.read();
  if (done) break;
  const statements = value.quads.map((quad) => [quad.predicate.value, quad.object.value]);
  const { id, timestamp, isVersionOf } = value;
  console.log(JSON.stringify({ id: id.value, timestamp, isVersionOf, statements }));
}
// Only then: what is still in the pipe would be lost with the process.
process.stdout.write(JSON.stringify({ pages }) + "\n", () => process.exit(0));
