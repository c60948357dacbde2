/**
 * RSA keys of a generator whose primes all have one form and can be found (CVE-2017-15361, Nemec and others, "The Return of
 * Coppersmith's Attack", 2017): modulo every small prime the modulus is a power of 65537. By chance that is so once in 100 million keys.
 */
const GENERATOR = 65537;
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139,
  149, 151, 157, 163, 167,
];

/** @param modulus octets, the most significant first. */
export function isRocaModulus(modulus: Uint8Array): boolean {
  return PRIMES.every((prime) => isPower(remainder(modulus, prime), prime));
}

function remainder(modulus: Uint8Array, prime: number): number {
  return modulus.reduce((rest, octet) => (rest * 256 + octet) % prime, 0);
}

function isPower(value: number, prime: number): boolean {
  let power = 1;
  do {
    if (power === value) return true;
    power = (power * GENERATOR) % prime;
  } while (power !== 1);
  return false;
}
