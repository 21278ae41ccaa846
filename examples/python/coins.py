ways = [1] + [0] * 60_000
for coin in (1, 2, 5, 10, 20, 50, 100):
    for amount in range(coin, 60_001):
        ways[amount] += ways[amount - coin]
print(ways[-1] % 1_000_007)
