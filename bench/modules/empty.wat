;; Nothing: the cost of an instance by itself.
(module)
