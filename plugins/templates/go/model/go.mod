module ask-model

go 1.27

require callboard v0.0.0

replace callboard => ./.callboard/sdk
