package main

import (
	"fmt"
	"runtime"
)

func ask(place string) string { return place }

func block1() {
	// block 1
	fmt.Println(len(first()) > 0)
	for runtime.NumGoroutine() > 2 { // the quicker one is about to end
		runtime.Gosched()
	}
	for range 100 {
		runtime.Gosched()
	}
	fmt.Println("left over:", runtime.NumGoroutine()-1)
	// Output:
	// true
	// left over: 1
}
