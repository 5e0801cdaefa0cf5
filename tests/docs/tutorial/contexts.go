package main

import (
	"context"
	"fmt"
	"time"
)

func block1() {
	ch := make(chan int)
	// block 1
}

func block2() {
	// block 2
}

func block3() {
	// block 3
}
