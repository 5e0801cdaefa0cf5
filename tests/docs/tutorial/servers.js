import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";

// Express, node-postgres and ws are no part of Node.js. What the blocks use of them:

function express() {
  const routes = [];
  const server = createServer((req, res) => {
    res.status = (code) => Object.assign(res, { statusCode: code });
    res.send = (text) => res.end(text);
    for (const [pattern, handler] of routes) {
      const found = pattern.exec(req.url);
      if (found) return handler(Object.assign(req, { params: found.groups }), res);
    }
    res.status(404).send("no such page");
  });
  const get = (path, handler) =>
    routes.push([new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`), handler]);
  return { get, server };
}

async function block1() {
  const app = express();
  // block 1
  app.server.listen(0, "127.0.0.1");
  await once(app.server, "listening");
  for (const id of [1, 2]) {
    const answer = await fetch(`http://127.0.0.1:${app.server.address().port}/users/${id}`);
    console.log(answer.status, await answer.text());
  }
  app.server.close();
  // Output:
  // 200 Ada
  // 404 no such user
}

async function block2() {
  const pool = {
    connect: async () => ({ release: () => console.log("released") }),
  };
  const use = async () => console.log("used");
  // block 2
  // Output:
  // used
  // released
}

function block3() {
  const wss = Object.assign(new EventEmitter(), { clients: new Set() });
  // block 3
  for (const name of ["Ada", "Bob"]) {
    const ws = new EventEmitter();
    ws.send = (m, { binary }) => console.log(name, "gets", String(m), binary);
    wss.clients.add(ws);
    wss.emit("connection", ws);
  }
  [...wss.clients][0].emit("message", Buffer.from("hello"), false);
  // Output:
  // Ada gets hello false
  // Bob gets hello false
}
