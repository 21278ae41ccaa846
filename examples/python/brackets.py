text = "([{}])" * 25_000 + "((()))[]{}" * 8_000
pairs = {")": "(", "]": "[", "}": "{"}
stack, deepest = [], 0
for c in text:
    if c in "([{":
        stack.append(c)
        deepest = max(deepest, len(stack))
    elif stack.pop() != pairs[c]:
        raise SystemExit("wrong")
print(deepest, len(stack))
