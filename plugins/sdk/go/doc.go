package callboard
