"""Following one person among several: the same one through changes of id and short losses, and never another."""
