package main

import (
	"fmt"
	"time"
)

func block1() {
	// block 1
}
