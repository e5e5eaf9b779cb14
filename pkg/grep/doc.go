// Package grep finds out what a line filter means, so that it can be answered
// with less than a regular expression engine and less than a line.
//
// An [Expr] is a text or a regular expression to be found anywhere in a line.
// What people write is seldom more than a few texts, and those who look at
// lines or columns ask it in this order, from the cheapest on:
//
//	Texts      (?i)timeout|reset    the line holds one of some texts, and that is all
//	Required   timeout.*[0-9]+ms    it holds one of each of some lists of texts: here
//	                                "timeout", and "ms"
//	Automaton  [0-9]{3,}ms$         a table: a state and a character give the next state
//	Match      all else             the engine
//
// The automaton is complete before it is used, never changes, and can be
// stopped and taken up again: so it runs over static text once for all lines
// that share it, over each distinct value once, and tells what texts of certain
// characters could do to it. Where one would be too large there is none.
//
// [Captures] finds the named groups of an expression, by a table, too, and a [Trace]
// tells what they are in texts of which parts are not known: storage asks it about
// templates.
//
// All of it means exactly what the engine means, on all bytes: a byte that is
// not UTF-8 is a character of its own, and where the case does not matter, a k
// is also the sign of Kelvin and an s also a long s.
//
// Both wings use it: the language on lines, storage on columns. An Expr or Captures may be
// used by any number of goroutines.
package grep
