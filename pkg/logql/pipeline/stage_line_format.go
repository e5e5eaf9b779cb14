package pipeline

import "github.com/skaldlogs/skald/pkg/logql/syntax"

// lineFormatStage replaces the line by what a template makes of the labels.
type lineFormatStage struct {
	template *template
}

func newLineFormat(s *syntax.LineFormat) (stage, error) {
	t, err := newTemplate("line", s.Template)
	if err != nil {
		return nil, err
	}
	return &lineFormatStage{t}, nil
}

// idle is false: the line may be looked at.
func (s *lineFormatStage) idle(*needs) bool { return false }

func (s *lineFormatStage) need(n *needs) { s.template.need(n) }

func (s *lineFormatStage) process(e *entry) bool {
	line, err := s.template.execute(e)
	if err != nil {
		e.fail(ErrTemplateFormat, err.Error())
		return true
	}
	e.line = line
	return true
}
