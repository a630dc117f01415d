"""What can hold an action back. Each gate is one function named as its `model.Gate`; `order` asks them in turn."""
