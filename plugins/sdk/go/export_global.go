//go:build wasm && callboard_global

package callboard

import _ "callboard/internal/wit/global" // the exports of a global's component
