import { once } from "node:events";
import { createServer } from "node:http";

async function block1() {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const url = `http://127.0.0.1:${silent.address().port}/`;
  // block 1
  silent.close();
}
