"""Cards made of software that real applications work with: real keys, real signatures."""
