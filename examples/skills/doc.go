// Command skills follows the skills of 50 football teams through 46 years of the German Bundesliga, match by match, by an extended Kalman filter:
//
//	go run ./examples/skills [-from 1963] [-test 5] [-device NAME] [-out FILE]
//
// It chooses how fast skills drift by many filters at once, prints how well each round's matches are foretold from those before, and
// draws the curves of the best teams. README.md shows a run.
package main
