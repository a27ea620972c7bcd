/**
 * The numbered equations of docs/theory.md as TeX. Each entry has the equation's text as it stands there, so that a change
 * of the text ends the build until the formula is changed too.
 */
export const formulas: Readonly<Record<string, readonly [text: string, tex: string]>> = {
  T1: [
    "∇ŵ − ∇w = Σ δ[n,k,p,q] · e[n,c,p+r,q+s] over n, p, q with x ≠ 0",
    String.raw`\nabla\hat w - \nabla w = \sum_{n,p,q:\ x \neq 0} \delta_{n,k,p,q} \cdot e_{n,c,p+r,q+s}`,
  ],
  T2: ["|∇ŵ − ∇w| ≤ eb · Σ|δ|", String.raw`|\nabla\hat w - \nabla w| \leq \mathrm{eb} \cdot \sum |\delta|`],
  T3: ["E[∇ŵ − ∇w] = 0", String.raw`\mathrm{E}[\nabla\hat w - \nabla w] = 0`],
  T4: [
    "σ_k² = Var(e) · Σδ² = Var(e) · E_k",
    String.raw`\sigma_k^2 = \mathrm{Var}(e) \cdot \sum \delta^2 = \mathrm{Var}(e) \cdot E_k`,
  ],
  T5: ["Var(e) = eb²/3", String.raw`\mathrm{Var}(e) = \frac{\mathrm{eb}^2}{3}`],
  T6: ["σ² = eb²/3 · mean_k E_k", String.raw`\sigma^2 = \frac{\mathrm{eb}^2}{3} \cdot \mathrm{mean}_k\, E_k`],
  T7: [
    "q = round(x/2eb + u), x̂ = (q − u) · 2eb",
    String.raw`q = \mathrm{round}\left(\frac{x}{2\,\mathrm{eb}} + u\right), \qquad \hat x = (q - u) \cdot 2\,\mathrm{eb}`,
  ],
  T8: [
    "σ_ok = share · mean|m|, share = 0.01",
    String.raw`\sigma_\mathrm{ok} = \mathrm{share} \cdot \mathrm{mean}|m|, \qquad \mathrm{share} = 0.01`,
  ],
  T9: [
    "eb = √3 · σ_ok / √(mean_k E_k) (T6) solved for eb",
    String.raw`\mathrm{eb} = \frac{\sqrt 3 \cdot \sigma_\mathrm{ok}}{\sqrt{\mathrm{mean}_k\, E_k}}`,
  ],
  T10: [
    "gain of signal over noise = √((1 + β)/(1 − β)) = 4.36 at β = 0.9",
    String.raw`\text{gain of signal over noise} = \sqrt{\frac{1 + \beta}{1 - \beta}} = 4.36 \text{ at } \beta = 0.9`,
  ],
  T11: [
    "σ = a · L̄ · √(N·R) · eb, a = 0.32",
    String.raw`\sigma = a \cdot \bar L \cdot \sqrt{N R} \cdot \mathrm{eb}, \qquad a = 0.32`,
  ],
  T12: [
    "fl(|x − x̂|) < eb implies |x − x̂| < eb",
    String.raw`\mathrm{fl}(|x - \hat x|) < \mathrm{eb} \implies |x - \hat x| < \mathrm{eb}`,
  ],
  T13: [
    "c_l · eb_l² proportional to n_l",
    String.raw`c_l \cdot \mathrm{eb}_l^2 \text{ proportional to } n_l`,
  ],
  T14: [
    "∇γ̂ − ∇γ = D, σ² = Var(u) · Σδ²",
    String.raw`\nabla\hat\gamma - \nabla\gamma = D, \qquad \sigma^2 = \mathrm{Var}(u) \cdot \sum \delta^2`,
  ],
  T15: [
    "∇ĉ − ∇c = −g/M · (u·∇γ + x̂·D + u·D)",
    String.raw`\nabla\hat c - \nabla c = -\frac{g}{M} (u \cdot \nabla\gamma + \hat x \cdot D + u \cdot D)`,
  ],
  T16: [
    "mean Var(∇ĉ) = g²/M² · Var(u) · (∇γ²·(1 + 2/M) + Σδ²)",
    String.raw`\mathrm{mean}\,\mathrm{Var}(\nabla\hat c) = \frac{g^2}{M^2} \cdot \mathrm{Var}(u) \cdot \left(\nabla\gamma^2 \left(1 + \frac{2}{M}\right) + \sum \delta^2\right)`,
  ],
  T17: [
    "σ_k² = (g_k/M)² · Var(D_k) · (Σ x̂_k·x)², Var(D_k) = Var(u) · Σδ²",
    String.raw`\sigma_k^2 = \left(\frac{g_k}{M}\right)^2 \mathrm{Var}(D_k) \left(\sum \hat x_k \cdot x\right)^2, \qquad \mathrm{Var}(D_k) = \mathrm{Var}(u) \cdot \sum \delta^2`,
  ],
  T18: [
    "SiLU, ∇z = δ·f'(z): error δ·f''(z)·e, σ² = Var(e) · (δ·f''(z))²",
    String.raw`\text{SiLU, } \nabla z = \delta f'(z): \quad \text{error } \delta f''(z)\, e, \quad \sigma^2 = \mathrm{Var}(e) \cdot (\delta f''(z))^2`,
  ],
  T19: [
    "excitation, ∇s = Σ δ·f(z): error Σ δ·f'(z)·e, σ² = Var(e) · Σ (δ·f'(z))²",
    String.raw`\text{excitation, } \nabla s = \sum \delta f(z): \quad \text{error } \sum \delta f'(z)\, e, \quad \sigma^2 = \mathrm{Var}(e) \cdot \sum (\delta f'(z))^2`,
  ],
  T20: [
    "convolution of a = s·f(z): error Σ δ·s·f'(z)·e, σ_k² = Var(e) · mean Σ (δ·s·f'(z))²",
    String.raw`\text{convolution of } a = s f(z): \quad \text{error } \sum \delta s f'(z)\, e, \quad \sigma_k^2 = \mathrm{Var}(e) \cdot \mathrm{mean} \sum (\delta s f'(z))^2`,
  ],
  T21: [
    "ρ² = 1/L · Σ_w σ_w² / mean|m_w|²",
    String.raw`\rho^2 = \frac{1}{L} \sum_w \frac{\sigma_w^2}{(\mathrm{mean}|m_w|)^2}`,
  ],
  T22: [
    "c_l = mean_k E_k / σ_ok,l² + U_l · Σ_w h_lw · T_w / σ_ok,w²",
    String.raw`c_l = \frac{\mathrm{mean}_k\, E_k}{\sigma_{\mathrm{ok},l}^2} + U_l \sum_w \frac{h_{lw} T_w}{\sigma_{\mathrm{ok},w}^2}`,
  ],
  T23: [
    "Σ c_l·eb_l²/3 + price · Σ R_l(eb_l) and so c_l·eb_l² = water · s_l",
    String.raw`\sum \frac{c_l\, \mathrm{eb}_l^2}{3} + \mathrm{price} \cdot \sum R_l(\mathrm{eb}_l) \quad \text{and so} \quad c_l\, \mathrm{eb}_l^2 = \mathrm{water} \cdot s_l`,
  ],
};
