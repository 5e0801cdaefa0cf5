async function block1() {
  const done = [];
  const work = async (i) => done.push(i);
  // block 1
  console.log(...done.sort());
  // Output:
  // 0 1 2
}

async function block2() {
  const urls = ["/", "/docs", "/gone"];
  async function fetch(url, { signal }) {
    if (url === "/gone") throw new Error("not found: /gone");
    signal.addEventListener("abort", () => console.log("told to stop:", url));
    await new Promise(() => {});
  }
  // block 2
  // Output:
  // told to stop: /
  // told to stop: /docs
  // not found: /gone
}
