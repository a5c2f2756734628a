/** What lintian is told not to complain of, with the reasons; everything else it says must be put right. */
export function makeOverrides(name: string): string {
  const executable = `[usr/lib/${name}/${name}]`;
  return `# The runtime is Node.js as its project builds it, which has its libraries in it, each listed in ${name}.cdx.json:
# it is the same bytes on every distribution, and its updates are updates of this package.
${name}: embedded-library zlib ${executable}
# That build is not position-independent.
${name}: hardening-no-pie ${executable}
`;
}
