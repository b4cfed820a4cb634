"""The protocol card: the same predictions under every protocol, and published numbers under the same one."""
