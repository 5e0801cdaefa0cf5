async function block1() {
  const requests = ["a", "b", "c"];
  const handle = (req) => console.log("handled", req);
  // block 1
}

function block2() {
  // block 2
}
