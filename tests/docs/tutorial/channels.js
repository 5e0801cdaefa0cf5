async function block1() {
  // block 1
}

async function block2() {
  // block 2
  console.log(sum);
}

function block3() {
  // block 3
  // Output:
  // buffered channel
}
