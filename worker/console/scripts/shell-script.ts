/** Shell scripts are bundled as text (`rules` in wrangler.toml). */
declare module '*.sh' {
  const text: string;
  export default text;
}
