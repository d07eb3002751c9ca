// Package callboard makes steps for Callboard in Go: a struct, and one method.
//
//	type WordCount struct {
//		Text  callboard.In[string] `json:"column" column:"text" doc:"The column of text."`
//		Words callboard.Out[int]   `column:"n_words"`
//	}
//
//	func main() { callboard.Transform(&WordCount{}) }
//
//	func (s *WordCount) Row(row callboard.Row) error {
//		text, ok := s.Text.Get(row)
//		if !ok {
//			return callboard.Reject("no text")
//		}
//		s.Words.Set(len(strings.Fields(text)))
//		return nil
//	}
//
// # The journey of a step
//
//  1. The host calls an export (internal/wit, generated; internal/entry). The first call runs main, which registers the step by
//     [Transform], [TransformBatches], [Global] or [Source], with the defaults of its configuration.
//  2. A copy of the step is filled from the configuration (config.go); its JSON Schema comes from the same fields (schema.go).
//  3. Fields that are an [In] or an [Out] are bound to the input's columns, and a [Declarer] adds to the [Shape].
//  4. A [Batch] holds what is read, an [Array] for each column, in the host's memory made ours (crossing.go); [In.Get] and
//     [In.Values] are Go's types over it (codec.go, and dynamic.go for any).
//  5. What the step sets in an [Out] becomes columns again. [Drop] and [Reject] say why a row is not put out; a [GlobalStep]
//     has a [Writer] for both, and a [SourceStep] makes rows of structs (record.go).
//  6. What goes wrong is an [Error], a panic too (errors.go); slog writes to the run's log (log.go), and [Count] counts.
//
// Package callboardtest runs a step natively. The page docs/sdk/go.md tells it all from the beginning.
package callboard
