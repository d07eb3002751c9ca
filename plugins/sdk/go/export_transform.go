//go:build wasm && callboard_transform

package callboard

import _ "callboard/internal/wit/transform" // the exports of a transform's component
