import java.security.Key;
import java.security.KeyPairGenerator;
import java.security.spec.ECGenParameterSpec;
import java.util.Base64;
import org.eclipse.edc.boot.system.DependencyGraph;
import org.eclipse.edc.boot.system.runtime.BaseRuntime;
import org.eclipse.edc.spi.security.Vault;
import org.eclipse.edc.spi.system.ServiceExtensionContext;

/** An EDC whose vault, which is in memory, has a fresh pair of keys for the tokens of its public API. */
public class PublicEdc extends BaseRuntime {

    public static void main(String[] words) {
        new PublicEdc().boot(true);
    }

    @Override
    protected void bootExtensions(ServiceExtensionContext context, DependencyGraph graph) {
        super.bootExtensions(context, graph);
        try {
            var generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            var pair = generator.generateKeyPair();
            var vault = context.getService(Vault.class);
            vault.storeSecret("private-key", pem("PRIVATE KEY", pair.getPrivate()));
            vault.storeSecret("public-key", pem("PUBLIC KEY", pair.getPublic()));
        } catch (java.security.GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    private static String pem(String kind, Key key) {
        var body = Base64.getMimeEncoder(64, new byte[]{'\n'}).encodeToString(key.getEncoded());
        return "-----BEGIN " + kind + "-----\n" + body + "\n-----END " + kind + "-----\n";
    }
}
