"""HTTP on the LAN and on the local socket."""
