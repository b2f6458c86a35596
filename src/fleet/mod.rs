//! The nouns that several rooms share (architecture, capacity type, taints, requests) and the arenas of jobs, pods and nodes.
