package syntax

// Walk calls fn for n and all nodes below it, from the top down and in the order
// written. Where fn returns false, what is below the node is left out.
func Walk(n Node, fn func(Node) bool) {
	walk(n, 1, func(n Node, _ int) bool { return fn(n) })
}

// walk is Walk with the depth of the nodes, n having the one given.
func walk(n Node, depth int, fn func(n Node, depth int) bool) {
	if !fn(n, depth) {
		return
	}
	depth++
	switch n := n.(type) {
	case *LogSelector:
		for _, s := range n.Stages {
			walk(s, depth, fn)
		}
	case *LogRange:
		walk(n.Selector, depth, fn)
		if n.Unwrap != nil {
			walk(n.Unwrap, depth, fn)
		}
	case *Unwrap:
		walkFilters(n.Filters, depth, fn)
	case *AndFilter:
		walkFilters(n.Filters, depth, fn)
	case *OrFilter:
		walkFilters(n.Filters, depth, fn)
	case *RangeAggregation:
		walk(n.Range, depth, fn)
	case *VectorAggregation:
		walk(n.Expr, depth, fn)
	case *BinaryOp:
		walk(n.Left, depth, fn)
		walk(n.Right, depth, fn)
	case *LabelReplace:
		walk(n.Expr, depth, fn)
	case *Variants:
		for _, m := range n.Metrics {
			walk(m, depth, fn)
		}
		walk(n.Of, depth, fn)
	}
}

func walkFilters(filters []LabelFilter, depth int, fn func(Node, int) bool) {
	for _, f := range filters {
		walk(f, depth, fn)
	}
}
