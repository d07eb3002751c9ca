//go:build wasm && callboard_source

package callboard

import _ "callboard/internal/wit/source" // the exports of a source's component
