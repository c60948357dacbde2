/** Whom limits count as one: an IPv4 address, or the /64 of an IPv6 address, of which one customer has all. */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address;
  const [head, tail] = (address.split('%', 1)[0] as string).split('::', 2) as [string, string?];
  const first = words(head);
  const last = tail === undefined ? [] : words(tail);
  const zeros = Math.max(0, 8 - first.length - last.length);
  const all = tail === undefined ? first : [...first, ...Array.from({ length: zeros }, () => '0'), ...last];
  return `${all.slice(0, 4).join(':')}::/64`;
}

function words(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap((word) => (word.includes('.') ? ['0', '0'] : [word.replace(/^0+(?=.)/, '').toLowerCase()]));
}
