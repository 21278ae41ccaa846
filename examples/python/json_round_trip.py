import json

data = [{"id": i, "name": f"n{i}", "values": [i, i * 2, i / 3]} for i in range(9_000)]
for _ in range(3):
    data = json.loads(json.dumps(data))
print(len(data), data[77]["name"])
