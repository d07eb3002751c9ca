module callboard

go 1.27
