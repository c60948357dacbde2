import { describe, expect, it } from 'vitest';
import { compact } from '../../../src/core/onboarding/compact.ts';

describe('a script as it is shipped', () => {
  it('keeps every blank that a shell, or a program inside a string, could tell', () => {
    const kept = [
      `#!/bin/sh\npython3 -c 'if 1:\n    print(1)\n\n'\n`,
      `#!/bin/sh\nx="a\n  b \\" c\n  d"\n`,
      '#!/bin/sh\necho a\\\n  b\n',
      `#!/bin/sh\ntrue # it isn't\necho "\n  x"\n`,
      '#!/bin/sh\ncat <<END\n  text\n\nEND\n',
      `#!/bin/sh\ncat <<-'END'\n\ttext\nEND\n`,
    ];
    for (const text of kept) expect(compact(text)).toBe(text);
    expect(compact(`#!/bin/sh\n# why\n\nif true; then\n  echo '  a' # why\n\n\techo b\nfi\n`)).toBe(
      `#!/bin/sh\nif true; then\necho '  a' # why\necho b\nfi\n`,
    );
  });

  it('loses nothing but comments where it is no script', () => {
    expect(compact('# why\n[Unit]\n\n Description=x\n')).toBe('[Unit]\n\n Description=x\n');
  });
});
