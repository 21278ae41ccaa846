import ast

text = "[" + ", ".join(f"({i} * 3 - {i % 7})" for i in range(12_000)) + "]"
tree = ast.parse(text, mode="eval")
print(sum(isinstance(node, ast.Constant) for node in ast.walk(tree)))
