package main

import "fmt"

func block1() {
	// block 1
	// Output:
	// 1
	// 2
	// 0 false
}
