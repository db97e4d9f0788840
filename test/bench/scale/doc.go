// Package scale measures one operator with many objects on one real API server.
// There is no kubelet: the benchmark creates two ready pods for every server and
// answers for them on loopback addresses, so that what pods enforce, and the
// announcements that make them, are in the figures.
//
//	go test -run '^$' -bench Scale -benchtime 1x -timeout 60m ./test/bench/scale -objects 1000 -rest 10m
//
// With -bounds it fails where a figure misses what the project aims at, which
// says something on a machine that does nothing else.
package scale
