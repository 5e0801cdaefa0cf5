async function* from(name) {
  yield `${name}1`;
  yield `${name}2`;
}

async function block1() {
  const a = from("a");
  const b = from("b");
  // block 1
  console.log(first.value, (await b.next()).value);
  // Output:
  // a1 b2
}

function block2() {
  const queue = [];
  // block 2
}

async function block3() {
  const p = new Promise(() => {});
  try {
    // block 3
    console.log(v);
  } catch (error) {
    console.log(error.message);
  }
}
