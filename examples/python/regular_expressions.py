import re

text = " ".join(f"user{i}@host{i % 97}.org, {i * 3}" for i in range(20_000))
print(len(re.findall(r"(\w+)@(\w+)\.org", text)), sum(map(int, re.findall(r"\b\d+\b", text))))
