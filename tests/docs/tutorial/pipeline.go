package main

import "fmt"

func block1() {
	// block 1
}
