// The scenarios of benchmarks/scenarios_*.py in Go: `bench SCENARIO SIZE [N ...]`.
//
// For every number of operations N the answer is one line: what they took (seconds, or bytes for
// memory), and the peak of resident memory so far in bytes. Without N the numbers are read from
// stdin, one a line, each answered at once. So the Python side finds the number of operations for Go
// as for all others, and what it tries on the way warms this process up. SIZE is the capacity, the
// ring's length, the size of a burst, the number of primes or of a select's arms.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// scenarios return the seconds (or bytes) that n operations took.
var scenarios = map[string]func(n, size int) float64{
	"ping-pong":       pingPong,
	"stream":          stream,
	"ring":            ring,
	"sieve":           sieve,
	"spawn":           spawn,
	"memory":          memory,
	"release":         release,
	"sleep":           sleep,
	"lock":            lock,
	"lock-of":         lockOf,
	"lock-yield":      lockAndYield,
	"select-ready":    selectReady,
	"select-parked":   selectParked,
	"with-timeout":    withTimeout,
	"timer-stop":      timerStop,
	"after-func-stop": afterFuncStop,
	"sleepers":        sleepers,
	"sleepers-spread": sleepersSpread,
	"lateness":        lateness,
}

func main() {
	arguments := os.Args[1:]
	if len(arguments) == 1 && arguments[0] == "version" {
		fmt.Println(strings.TrimPrefix(runtime.Version(), "go"))
		return
	}
	if len(arguments) < 2 || scenarios[arguments[0]] == nil {
		fail("usage: bench SCENARIO SIZE [N ...], or bench version")
	}
	run, size := scenarios[arguments[0]], number(arguments[1])
	requests := make(chan int)
	if texts := arguments[2:]; len(texts) > 0 {
		go func() {
			for _, text := range texts {
				requests <- number(text)
			}
			close(requests)
		}()
	} else {
		go read(requests)
	}
	for n := range requests {
		// %.17g keeps every bit of a float64.
		fmt.Printf("%.17g %d\n", run(n, size), peakRSS())
	}
}

// read ends the process with its stdin, from a goroutine of its own so that a scenario that hangs ends
// too: a sample that was killed leaves nothing behind.
func read(requests chan<- int) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		requests <- number(lines.Text())
	}
	os.Exit(0)
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		fail(fmt.Sprintf("%q is no number of operations", text))
	}
	return n
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(2)
}
