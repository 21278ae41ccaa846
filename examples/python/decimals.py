from decimal import Decimal, getcontext

getcontext().prec = 60
total = Decimal(0)
for i in range(1, 25_000):
    total += Decimal(1) / i
print(total)
