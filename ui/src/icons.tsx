// icons.tsx - the few pictures of the page, drawn here so that no font has to have them.
const paths = {
  clip: 'M16.5 6.5v9a4.5 4.5 0 0 1-9 0V5.5a3 3 0 0 1 6 0v9a1.5 1.5 0 0 1-3 0v-8',
  menu: 'M4 6h16M4 12h16M4 18h16',
  gear: 'M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zm0-6v3m0 12v3M3 12h3m12 0h3M5.6 5.6l2.2 2.2m8.4 8.4 2.2 2.2m0-12.8-2.2 2.2m-8.4 8.4-2.2 2.2',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6',
};

export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg class="picture" viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
