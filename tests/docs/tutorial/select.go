package main

import (
	"fmt"
	"time"
)

func block1() {
	a, b, x := make(chan string, 1), make(chan int), 42
	a <- "hello"
	use := func(v string, ok bool) { fmt.Println(v, ok) }
	// block 1
	// Output:
	// hello true
}

func block2() {
	messages := make(chan string)
	// block 2
}

func block3() {
	ch := make(chan int)
	// block 3
}
