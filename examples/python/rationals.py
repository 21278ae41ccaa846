from fractions import Fraction

total = Fraction(0)
for i in range(1, 700):
    total += Fraction(1, i)
print(total.numerator % 1_000_007)
