numbers = [i * 1_000_003 % 1_999_993 for i in range(250_000)]
print(sorted(numbers)[1000:1003])
