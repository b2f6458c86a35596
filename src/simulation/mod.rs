//! The event loop: it asks the rooms below for decisions and applies them. Holds no rule of GitLab, Kubernetes, Karpenter or EC2.
