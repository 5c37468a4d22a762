"""Training for int8: the int8 network imitates the float one, through its own roundings."""
