package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// spawn: n goroutines that do nothing, in bursts of size, each burst waited for.
func spawn(n, size int) float64 {
	begin := time.Now()
	for range n / size {
		var wg sync.WaitGroup
		for range size {
			wg.Add(1)
			go func() { wg.Done() }()
		}
		wg.Wait()
	}
	return time.Since(begin).Seconds()
}

// sleep: n times size goroutines that sleep 0.1 s each.
func sleep(n, size int) float64 {
	begin := time.Now()
	for range n {
		var wg sync.WaitGroup
		for range size {
			wg.Add(1)
			go func() {
				time.Sleep(100 * time.Millisecond)
				wg.Done()
			}()
		}
		wg.Wait()
	}
	return time.Since(begin).Seconds()
}

// memory: what n goroutines that wait for a value add to the resident memory, in bytes. They are
// started size at a time, as in Python; the first size of them warm up and do not count.
func memory(n, size int) float64 {
	ch := make(chan int)
	park(size, ch)
	before := status("VmRSS:")
	for range n / size {
		park(size, ch)
	}
	after := status("VmRSS:")
	for range n + size {
		ch <- 0
	}
	return float64(after - before)
}

// park starts n goroutines that receive from ch and returns when all are there.
func park(n int, ch <-chan int) {
	var parked sync.WaitGroup
	for range n {
		parked.Add(1)
		go func() {
			parked.Done()
			<-ch
		}()
	}
	parked.Wait()
}

// release: n goroutines that wait on one channel, then are released by closing it; from the first
// start to the last end. size is not used.
func release(n, _ int) float64 {
	var parked, left sync.WaitGroup
	gate := make(chan int)
	begin := time.Now()
	for range n {
		parked.Add(1)
		left.Add(1)
		go func() {
			parked.Done()
			<-gate
			left.Done()
		}()
	}
	parked.Wait()
	close(gate)
	left.Wait()
	return time.Since(begin).Seconds()
}

func peakRSS() int { return status("VmHWM:") }

// status is one of the sizes in /proc/self/status in bytes; 0 where there is no such file.
func status(key string) int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), key)
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib * 1024
}
