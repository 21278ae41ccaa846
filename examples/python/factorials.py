product = 1
for i in range(1, 3_500):
    product *= i
print(len(str(product % 10 ** 4000)))
