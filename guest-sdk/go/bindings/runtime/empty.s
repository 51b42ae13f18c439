// Without an assembly file Go's compiler wants a body for sbrk, which is linked by its name.
